"""The addresses of the operators' pages."""

from tornado.web import RequestHandler

from handlers.admin.actions import ForgetAction, JobAction, PauseAction, ReleaseAction, ResumeAction, WaiveAction
from handlers.admin.api_keys import ApiKeyPage, ApiKeysPage, CreateApiKey, RevokeApiKey
from handlers.admin.base import AdminNotFound
from handlers.admin.export import ExportAction
from handlers.admin.invitations import InvitationPage, InvitationsPage, MakeInvitations, RevokeInvitation
from handlers.admin.login import Logout
from handlers.admin.pages import AdminJobPage, AuditPage, Dashboard, JobsPage
from handlers.admin.sessions import EndSessions, SessionsPage

ROUTES: tuple[tuple[str, type[RequestHandler]], ...] = (
    (r"/admin", Dashboard),
    (r"/admin/logout", Logout),
    (r"/admin/(intake|drain)/pause", PauseAction),
    (r"/admin/(intake|drain)/resume", ResumeAction),
    (r"/admin/jobs", JobsPage),
    (r"/admin/jobs/([^/]+)", AdminJobPage),
    (r"/admin/jobs/([^/]+)/(retry|cancel|fail)", JobAction),
    (r"/admin/jobs/([^/]+)/release", ReleaseAction),
    (r"/admin/jobs/([^/]+)/forget", ForgetAction),
    (r"/admin/waive", WaiveAction),
    (r"/admin/export", ExportAction),
    (r"/admin/audit", AuditPage),
    (r"/admin/invitations", InvitationsPage),
    (r"/admin/invitations/make", MakeInvitations),
    (r"/admin/invitations/([0-9]{1,18})", InvitationPage),
    (r"/admin/invitations/([0-9]{1,18})/revoke", RevokeInvitation),
    (r"/admin/api-keys", ApiKeysPage),
    (r"/admin/api-keys/create", CreateApiKey),
    (r"/admin/api-keys/([0-9]{1,18})", ApiKeyPage),
    (r"/admin/api-keys/([0-9]{1,18})/revoke", RevokeApiKey),
    (r"/admin/sessions", SessionsPage),
    (r"/admin/sessions/end", EndSessions),
    (r"/admin/.*", AdminNotFound),
)
