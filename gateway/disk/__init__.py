"""Files that are written while calls go on: by a thread, so that no call waits for the disk."""

from gateway.disk.backlog import Backlog
from gateway.disk.writing import WaitingFile, WritingThread, open_for_owner, owned_folder

__all__ = ["Backlog", "WaitingFile", "WritingThread", "open_for_owner", "owned_folder"]
