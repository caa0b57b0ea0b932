"""The least that Tornado can do for a POST: what accepting is compared with. Prints where it listens."""

import asyncio

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from handlers.server import bind, url_of


class BareHandler(RequestHandler):
    """Parses nothing. A coroutine would cost a task for each request."""

    def post(self) -> None:
        """Answer an empty object."""
        self.set_header("Content-Type", "application/json")
        self.finish(b"{}")


async def main() -> None:
    """Serve until the process is ended."""
    listener = bind("127.0.0.1", 0)
    HTTPServer(Application([("/.*", BareHandler)], log_function=lambda _: None)).add_socket(listener)
    print(f"listening on {url_of(listener)}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
