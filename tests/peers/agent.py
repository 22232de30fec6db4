"""The agent SDK of Claude, which starts the Claude CLI: turns of one conversation, one with a tool.
Prints a line for each; then waits for the file /work/searched, so that both can be searched."""
import asyncio
import os
import sys
import time

from claude_agent_sdk import (AssistantMessage, ClaudeAgentOptions, ClaudeSDKClient, ResultMessage,
                              UserMessage)


def options(**more):
    return ClaudeAgentOptions(cwd="/work", setting_sources=[], permission_mode="bypassPermissions",
                              max_turns=5, env={"IS_SANDBOX": "1", "CLAUDE_CONFIG_DIR": "/work/config"},
                              **more)


async def turn(client, prompt, name):
    tools = []
    await client.query(prompt)
    async for m in client.receive_response():
        if isinstance(m, AssistantMessage):
            tools += [b.name for b in m.content if hasattr(b, "input")]
        if isinstance(m, ResultMessage):
            print(name, m.is_error, m.result, *tools, flush=True)
            return m.session_id


async def main():
    async with ClaudeSDKClient(options(model="claude-opus-5-5")) as client:
        await turn(client, "COUNT one", "first")
        await turn(client, "RUN: echo made by a tool | tee /work/proof", "tool")
        session = await turn(client, "COUNT two", "second")
    async with ClaudeSDKClient(options(model="claude-opus-5-5", resume=session)) as client:
        await turn(client, "COUNT three", "resumed")
    for model in sys.argv[1:]:
        try:
            async with ClaudeSDKClient(options(model=model)) as client:
                await turn(client, "hello", model)
        except Exception as e:  # the SDK yields a result that is an error, and then raises
            print(model, "raised", type(e).__name__, flush=True)
    async with ClaudeSDKClient(options(model="claude-opus-5-5")) as client:
        await turn(client, "hello", "last")
        while not os.path.exists("/work/searched"):
            time.sleep(0.1)


asyncio.run(main())
