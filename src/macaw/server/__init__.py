"""Server: `macaw serve` and the HTTP application behind it; FastAPI is imported when one is made."""

from macaw.server.limits import Limits
from macaw.server.running import app, serve

__all__ = ["Limits", "app", "serve"]
