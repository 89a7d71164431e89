"""The ASGI application: pages over HTTP, the protocol at /ws/, and the lifespan of the runner."""

from __future__ import annotations

from chatsite.environment import load_settings

load_settings()

from django.core.asgi import get_asgi_application  # noqa: E402  after the settings are validated

pages = get_asgi_application()

from channels.routing import ProtocolTypeRouter  # noqa: E402  after Django is set up

from chatsite.lifespan import Lifespan  # noqa: E402
from chatsite.reactor import attach_to_daphne  # noqa: E402
from conversations.routing import websocket_router  # noqa: E402

lifespan = Lifespan()
attach_to_daphne(lifespan)
application = ProtocolTypeRouter({"http": pages, "websocket": websocket_router(lifespan.runner), "lifespan": lifespan})
