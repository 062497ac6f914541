// Server-Sent Events (HTML 9.2) by fetch: EventSource sends no credentials of ours, and hides why it was refused.

import { send, SERVICE } from "./api.js";

const AGAIN = 2000;

// Calls `each(change)` for every change after sequence `after`, until the signal; goes on by itself when the connection breaks.
export async function follow(after, each, signal, state) {
  while (!signal.aborted) {
    try {
      const answer = await send(`${SERVICE}/changes?after=${after}`, { signal, headers: { Accept: "text/event-stream" } });
      state("live");
      let rest = "";
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const blocks = (rest + value).split(/\r?\n\r?\n/);
        rest = blocks.pop();
        for (const block of blocks) {
          const data = block.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
          if (!data) continue;
          const change = JSON.parse(data);
          if (change.sequence) [after] = [change.sequence, each(change)];
        }
      }
      state("the stream ended; asking again");
    } catch (error) {
      if (signal.aborted) return;
      state(error.message);
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
}
