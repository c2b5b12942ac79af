from .address import SshAddress
from .device import RemoteDevice, open_device
from .forgetting import forget_device

__all__ = ["RemoteDevice", "SshAddress", "forget_device", "open_device"]
