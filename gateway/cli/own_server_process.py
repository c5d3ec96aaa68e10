"""The gateway as a process of its own: what a load test without a target loads."""

import asyncio
import sys
from importlib import resources

import msgspec

from gateway.app import Gateway
from gateway.cli.demo import NOBODY_ELSE
from gateway.errors import GatewayError
from gateway.loadtest.messages import Serve
from gateway.log import configure_logging
from gateway.server import listen, new_event_loop, serving
from gateway.settings import load_settings


def main() -> None:
    """Do what the first line of standard input says, until that ends; print our address.

    The realtime server's address is the only argument. The order desk of the packaged example answers, as it does where
    the gateway itself runs that server.
    """
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=Serve)
    listener = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    agents = resources.as_file(resources.files("gateway").joinpath("agents_example.toml"))
    with agents as agents_file, asyncio.Runner(loop_factory=new_event_loop) as runner:
        try:
            settings = load_settings(
                host="127.0.0.1",
                public_url=url,
                twilio_auth_token=orders.auth_token,
                max_calls=orders.max_calls,
                drain_timeout=1.0,
                log_level="ERROR",
                captures_dir=None,
                **{**NOBODY_ELSE, "realtime_url": sys.argv[1]},
            )
            if settings.agents_file is None:
                settings = settings.model_copy(update={"agents_file": agents_file})
            gateway = Gateway(settings)
        except GatewayError as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(2)
        configure_logging(settings.log_level, settings.log_format, settings.secrets)

        async def serve() -> None:
            async with serving(gateway.server(), listener):
                print(url, flush=True)
                await asyncio.to_thread(sys.stdin.buffer.read)

        runner.run(serve())


if __name__ == "__main__":
    main()
