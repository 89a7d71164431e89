"""Methods by which a client limits how much is sent to it."""

from __future__ import annotations

from conversations.websocket.methods.caller import Caller, Reply, method
from conversations.websocket.protocol import requests


@method("flow.start", requests.FlowStart)
async def start_flow(caller: Caller, params: requests.FlowStart, reply: Reply) -> None:
    reply({})
    caller.subscriber.start_flow_control(params.window)


@method("flow.ack", requests.FlowAck)
async def acknowledge_flow(caller: Caller, params: requests.FlowAck, reply: Reply) -> None:
    caller.subscriber.acknowledge(params.bytes)
    reply({})
