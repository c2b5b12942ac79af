"""A chain of tiny nodes as ONNX, encoded by hand: a device that profiles networks need not have the package onnx.

The fields are those of onnx.proto (IR version 8); a message is a sequence of fields, each a key and a value
(https://protobuf.dev/programming-guides/encoding/).
"""

from __future__ import annotations

_IR_VERSION, _OPSET = 8, 17
_FLOAT = 1
"""TensorProto.FLOAT."""


def max_chain(length: int, inputs: int) -> bytes:
    """A serialized network of nodes `Max`, each of which takes the output of the one before as all of its inputs.

    Input and output are float32 tensors of shape `(1, 1, 1, 1)`.

    Args:
        length: Number of nodes.
        inputs: Number of inputs of each node.
    """
    nodes = [
        _message(1, *[_text(1, f"t{i}")] * inputs, _text(2, f"t{i + 1}"), _text(3, f"t{i + 1}"), _text(4, "Max"))
        for i in range(length)
    ]
    graph = _message(7, *nodes, _text(2, "chain"), _tensor(11, "t0"), _tensor(12, f"t{length}"))
    return _number(1, _IR_VERSION) + graph + _message(8, _text(1, ""), _number(2, _OPSET))


def _tensor(field: int, name: str) -> bytes:
    """A ValueInfoProto of a float tensor of shape `(1, 1, 1, 1)`."""
    shape = _message(2, *[_message(1, _number(1, 1))] * 4)
    return _message(field, _text(1, name), _message(2, _message(1, _number(1, _FLOAT), shape)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())


def _message(field: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the highest bit of a byte says that another one follows."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
