from .api_token import ApiToken
from .preferences import Preferences
from .session import Session
from .user import User

__all__ = ["ApiToken", "Preferences", "Session", "User"]
