"""Secrets of a load test: from the environment or .env, never from a command line."""

import pydantic
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.loadtest.options import OptionError

DEFAULT_NAME = "TWILIO_AUTH_TOKEN"
METRICS_NAME = "METRICS_TOKEN"


def read_secret(name: str) -> str:
    """Read a secret by the variable's name; of several separated by commas the first; empty if there is none.

    Raises:
        OptionError: .env cannot be read.
    """

    class Secrets(BaseSettings):
        model_config = SettingsConfigDict(env_file=".env", extra="ignore")

        value: pydantic.SecretStr = pydantic.Field(default=pydantic.SecretStr(""), validation_alias=name)

    try:
        return Secrets().value.get_secret_value().partition(",")[0].strip()
    except UnicodeDecodeError:
        raise OptionError(".env: not UTF-8") from None
    except OSError as error:
        raise OptionError(f".env: cannot be read ({error.strerror})") from None


def read_auth_token(name: str = DEFAULT_NAME) -> str:
    """Read the auth token that signs a load test's calls.

    Raises:
        OptionError: there is none of that name.
    """
    token = read_secret(name)
    if not token:
        raise OptionError(f"{name}: is required in the environment or in .env, to sign as Twilio does")
    return token
