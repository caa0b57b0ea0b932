"""The configuration file: flat keys, typed; every mistake is reported with its key and line."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from dataclasses import fields as fields_of
from decimal import Decimal
from pathlib import Path
from socket import gethostname
from typing import Any

from jobs.settings import explorer, location, values
from jobs.settings.contradictions import contradiction
from jobs.settings.file import ConfigError, ConfigFile, read_file
from jobs.settings.network_limits import NetworkLimit, parse_limits
from jobs.settings.predecessor import REPLY_WAIT
from jobs.settings.values import DailyBudget, Network, Parser, ValueProblemError

__all__ = ["ConfigError", "Settings", "keys", "load"]

#: Environment variables that override the file.
ENVIRONMENT = {"FAUCET_WIF": "wif", "FAUCET_SECRET_KEY": "secret_key", "FAUCET_MAIL_PASS": "mail_pass"}

DEV_REGISTRAR = "faucet"  #: the dev chain's
#: Loopback, private and link-local addresses (RFC 1918, 3927, 4193, 4291): nodes there are the operator's own.
OWN_NETWORKS = (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
    "::1/128", "fc00::/7", "fe80::/10",
)  # fmt: skip
OPTIONAL_FIELDS = ("refcode", "referrer", "email", "real_name")
LOG_LEVELS = ("debug", "info", "warning", "error")


def _key(parse: Parser, default: Any, description: str, **options: Any) -> Any:
    """A field of Settings: a key of the file with its parser, default and description."""
    metadata = {"parse": parse, "description": description}
    return field(default=default, metadata=metadata, **options)


_NAMES = values.list_of(values.account_name)
_KEYS = values.list_of(values.public_key)
_TEXTS = values.list_of(values.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The configuration, typed. Units are in the descriptions."""

    witness_url: tuple[str, ...] = _key(
        values.list_of(values.websocket_url), ("devchain",), "nodes, tried in order, or devchain"
    )
    registrar: str = _key(values.account_name, DEV_REGISTRAR, "lifetime member that pays for and signs registrations")
    wif: str | None = _key(values.optional(values.wif), None, "the registrar's private active key", repr=False)
    wif_file: Path | None = _key(values.optional(values.text), None, "file with that key, instead of `wif`")
    default_referrer: str = _key(
        values.account_name, DEV_REGISTRAR, "referrer of signups without one; default: the registrar"
    )
    referrer_percent: int = _key(values.percent, 0, "percent of the fees that go to the referrer")
    core_asset: str | None = _key(values.optional(values.symbol), None, "symbol that the chain's core asset must have")
    max_account_fee: Decimal | None = _key(
        values.optional(values.amount),
        None,
        "highest fee of an operation, core asset; default: twice the lowest fee of a cheap name seen on this chain",
    )
    daily_budget: DailyBudget = _key(
        values.daily_budget,
        DailyBudget(percent=Decimal(25)),
        "what the registrar may spend in a day (UTC): core asset, or percent of the balance, at least 100 signups",
    )
    own_nodes: tuple[Network, ...] = _key(
        values.list_of(values.network),
        tuple(values.network(network) for network in OWN_NETWORKS),
        "addresses or networks of your own nodes; any other node is a stranger, which is not trusted to pay again",
    )
    enable_initial_balance: bool = _key(values.flag, False, "pay every new account an initial balance")
    initial_balance: Decimal = _key(values.amount, Decimal(0), "the initial balance, core asset")
    disable_premium_names: bool = _key(values.flag, True, "refuse names that cost the premium fee")
    nobroadcast: bool = _key(values.flag, False, "safety mode: accept signups, send nothing to the chain")
    minIPAge: int = _key(  # noqa: N815  # the predecessor's spelling
        values.whole(0, 10**8), 300, "seconds between two signups from one address (IPv6: one /64)"
    )
    limits: tuple[NetworkLimit, ...] = _key(
        parse_limits,
        parse_limits({"ipv4/24": "100 per hour", "ipv6/56": "16 per hour", "ipv6/48": "64 per hour"}),
        "signups from one network in an interval; `{}`: no such limits",
    )
    invitation: str = _key(
        values.one_of("optional", "required"),
        "optional",
        "required: nobody signs up without an invitation or an API key",
    )
    proof_of_work: str = _key(
        values.one_of("off", "sha256", "argon2"),
        "off",
        "work of who has neither invitation nor API key: sha256 or memory-hard argon2",
    )
    work_seconds: float = _key(values.seconds(0.001, 120), 2.0, "seconds that it takes a phone, in the mean, at least")
    work_seconds_max: float = _key(
        values.seconds(0.001, 120), 60.0, "… at most, while many sign up, or one network has used up its limit"
    )
    restrict_ip: bool = _key(values.flag, True, "enforce minIPAge and limits")
    personal_retention: int = _key(
        values.whole(0, 36_500), 90, "days that `email`, `real_name` and `refcode` of a signup are stored"
    )
    lists_file: Path | None = _key(
        values.optional(values.text), None, "file of allow and deny lists; default: lists.yaml, if it is there"
    )
    require_fields: tuple[str, ...] = _key(
        values.list_of(values.one_of(*OPTIONAL_FIELDS)), (), "optional fields that a signup must have after all"
    )
    proxy: str | None = _key(values.optional(values.account_name), None, "account that votes for new accounts")
    additional_owner_accounts: tuple[str, ...] = _key(_NAMES, (), "accounts added to every owner authority")
    additional_active_accounts: tuple[str, ...] = _key(_NAMES, (), "accounts added to every active authority")
    additional_owner_keys: tuple[str, ...] = _key(_KEYS, (), "public keys added to every owner authority")
    additional_active_keys: tuple[str, ...] = _key(_KEYS, (), "public keys added to every active authority")
    reply_wait: float = _key(values.seconds(0, 600), 0.0, "seconds to hold replies until the account is in a block")
    reply_wait_max: float = _key(values.seconds(0, 600), 30.0, "longest such wait that a client may ask for")
    old_clients: bool = _key(values.flag, False, "as the predecessor: refusals with status 200, reply_wait 15")
    host: str = _key(values.text, "127.0.0.1", "address to serve on; 0.0.0.0 is all of IPv4, :: all of both families")
    port: int = _key(values.whole(0, 65535), 5000, "port to serve on; 0 is any free one")
    workers: int = _key(values.whole(1, 64), 1, "HTTP processes; with two or more, another one owns the chain")
    trusted_proxies: tuple[Network, ...] = _key(
        values.list_of(values.network),
        tuple(values.network(loopback) for loopback in ("127.0.0.0/8", "::1")),
        "addresses or networks whose X-Forwarded-For is believed",
    )
    cors_origins: tuple[str, ...] = _key(_TEXTS, ("*",), "origins whose pages may call the API")
    signup_page: bool = _key(
        values.flag, False, "serve /signup, where people without a wallet make their keys in the browser"
    )
    explorer_url: str | None = _key(
        values.optional(explorer.explorer_url("{name}")),
        None,
        "where an explorer shows an account, such as https://explorer.example/#/accounts/{name}: the pages link to it",
    )
    explorer_block_url: str | None = _key(
        values.optional(explorer.explorer_url("{number}")),
        None,
        "… a block; default: explorer_url with /blocks/{number} for /accounts/{name}, if that is in it",
    )
    explorer_transaction_url: str | None = _key(
        values.optional(explorer.explorer_url("{id}")),
        None,
        "… a transaction; default: explorer_url with /txs/{id} for /accounts/{name}, if that is in it",
    )
    ledger: Path | str = _key(
        location.location, "faucet.db", "the ledger's file, or postgresql://USER@HOST/DATABASE?passfile=FILE"
    )
    machine: str | None = _key(
        values.optional(values.machine), None, "this machine's name as owner of the chain; default: its host name"
    )
    lease_seconds: float = _key(
        values.seconds(1, 60), 10.0, "seconds of silence after which another process takes the chain over"
    )
    queue_limit: int = _key(values.whole(1, 10**9), 100_000, "queued signups above which new ones are refused")
    drain_interval: float = _key(values.seconds(0.05, 3600), 1.0, "seconds between two drains")
    transaction_expiration: int = _key(values.whole(10, 3600), 60, "seconds of chain time until a transaction expires")
    node_timeout: float = _key(values.seconds(0.1, 600), 10.0, "seconds until a node must have answered")
    max_head_age: int = _key(values.whole(1, 10**6), 60, "seconds; a node with an older head block is not used")
    devchain_port: int = _key(values.whole(0, 65535), 0, "port of the embedded dev chain; 0 is any free one")
    devchain_data: Path = _key(values.text, "devchain.journal", "the embedded dev chain's file")
    devchain_block_interval: float = _key(values.seconds(0.01, 30), 1.0, "its seconds between blocks")
    balance_mailthreshold: Decimal = _key(
        values.amount, Decimal(0), "core asset; a lower balance is mailed to the admins"
    )
    admins: tuple[str, ...] = _key(values.list_of(values.mail_address), (), "mail addresses of the operators")
    mail_host: str | None = _key(values.optional(values.mail_host), None, "mail server, HOST:PORT")
    mail_user: str | None = _key(values.optional(values.text), None, "user at the mail server")
    mail_pass: str | None = _key(values.optional(values.secret), None, "the mail user's password", repr=False)
    mail_from: str | None = _key(
        values.optional(values.mail_sender), None, "sender of the mails; default: the first admin"
    )
    mail_tls: str = _key(
        values.one_of("auto", "starttls", "tls", "none"), "auto", "auto: tls on port 465, elsewhere starttls if offered"
    )
    runway_mail_days: int = _key(values.whole(0, 3650), 7, "a balance for fewer days is mailed to the admins; 0 is off")
    node_mail_seconds: int = _key(
        values.whole(1, 10**6), 300, "seconds without a node until it is mailed to the admins"
    )
    failures_mail: int = _key(values.whole(1, 10**6), 20, "failed signups in ten minutes that are mailed to the admins")
    reconcile_interval: int = _key(
        values.whole(1, 10**8), 86_400, "seconds between two comparisons of the ledger with the chain"
    )
    ready_signups: int = _key(values.whole(0, 10**9), 1, "signups that the balance must cover for /readyz to pass")
    ready_queue_age: int = _key(values.whole(1, 10**6), 300, "seconds a queued signup may wait for /readyz to pass")
    secret_key: str | None = _key(
        values.optional(values.secret),
        None,
        "key of sessions at /admin; without it they end with the program",
        repr=False,
    )
    admin_password_hash: str | None = _key(
        values.optional(values.password_hash), None, "password hash for /admin", repr=False
    )
    admin_networks: tuple[Network, ...] = _key(
        values.list_of(values.exact_network), (), "addresses or networks that /admin is for; default: all"
    )
    log_level: str = _key(values.one_of(*LOG_LEVELS), "info", "lowest level that is logged")
    log_format: str = _key(values.one_of("text", "json"), "text", "log lines as key=value or as JSON objects")
    notes: tuple[str, ...] = ()  #: notes for the operator about the file, one sentence each
    source: Path | None = None  #: the file itself

    @property
    def uses_devchain(self) -> bool:
        """Whether the embedded dev chain is the chain."""
        return self.witness_url == ("devchain",)

    @property
    def ledger_file(self) -> Path | None:
        """The ledger's file; None where the ledger is in a database."""
        return self.ledger if isinstance(self.ledger, Path) else None

    @property
    def payment(self) -> Decimal | None:
        """The initial balance of a new account, core asset; None if none is paid."""
        return self.initial_balance if self.enable_initial_balance and self.initial_balance else None

    @property
    def lists_path(self) -> Path | None:
        """Where the lists are, if they are there; None of settings that come from no file."""
        beside = None if self.source is None else self.source.parent / "lists.yaml"
        return self.lists_file or beside

    @property
    def machine_name(self) -> str:
        """What this machine is called where it owns the chain."""
        return gethostname() if self.machine is None else self.machine


def keys() -> dict[str, Mapping[str, Any]]:
    """Each key of the file with its `parse` and `description`."""
    return {entry.name: entry.metadata for entry in fields_of(Settings) if entry.metadata}


def load(path: Path, environ: Mapping[str, str], *, with_key: bool = True) -> Settings:
    """The settings in the file `path`, overridden by `environ`; the registrar's key only `with_key`.

    Raises ConfigError.
    """
    file = read_file(path, keys())
    file.override(ENVIRONMENT, environ)
    if not with_key:
        file.forget("wif", "wif_file")
    parsed = {key: file.parse(key, keys()[key]["parse"]) for key in file.given}
    # The registrar is the referrer, unless the file names another.
    parsed.setdefault("default_referrer", parsed.get("registrar", DEV_REGISTRAR))
    if parsed.get("old_clients"):
        parsed.setdefault("reply_wait", min(REPLY_WAIT, parsed.get("reply_wait_max", REPLY_WAIT)))
    for key, url in explorer.defaults(parsed).items():
        parsed.setdefault(key, url)
    paths = _paths(path, parsed, environ)
    ledger = _ledger(path, file, parsed, environ)
    settings = Settings(**{**parsed, **paths, "ledger": ledger}, notes=tuple(file.notes), source=path.absolute())
    problem = contradiction(settings, file, with_key=with_key)
    if problem is not None:
        raise file.mistake(*problem)
    return settings if settings.wif_file is None else _with_key_of_file(settings, file, environ)


def _paths(path: Path, parsed: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Path]:
    """The keys that are paths: relative to the file, the private key's to systemd's credentials if there are any."""
    named = {"devchain_data": parsed.get("devchain_data", "devchain.journal")}
    if parsed.get("lists_file"):
        named["lists_file"] = parsed["lists_file"]
    if "wif_file" in parsed:
        named["wif_file"] = Path(environ.get("CREDENTIALS_DIRECTORY", "")) / parsed["wif_file"]
    return {key: path.absolute().parent / value for key, value in named.items()}


def _ledger(path: Path, file: ConfigFile, parsed: Mapping[str, Any], environ: Mapping[str, str]) -> Path | str:
    try:
        return location.resolve(parsed.get("ledger", "faucet.db"), path.absolute().parent, environ)
    except ValueProblemError as error:
        raise file.mistake("ledger", str(error)) from None


def _with_key_of_file(settings: Settings, file: ConfigFile, environ: Mapping[str, str]) -> Settings:
    if settings.wif_file is None:
        return settings
    try:
        text = settings.wif_file.read_text().strip()
        if not text:
            raise file.mistake("wif_file", "the file is empty")
        return replace(settings, wif=values.wif(text))
    except (OSError, UnicodeDecodeError) as error:
        where = " in CREDENTIALS_DIRECTORY" if environ.get("CREDENTIALS_DIRECTORY") else ""
        raise file.mistake("wif_file", f"can't be read{where}: {error.__class__.__name__}") from None
    except ValueProblemError as error:
        raise file.mistake("wif_file", f"its key {error}") from None
