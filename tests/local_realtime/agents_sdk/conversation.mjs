/*
 * Holds a conversation with a realtime server through the official agents SDK, and prints what came of it as JSON.
 *
 *     node conversation.mjs URL KEY PCM16_FILE
 *
 * PCM16_FILE is one spoken turn at 24 kHz, with silence after it. Exits with 1 when the deadline passes.
 */
import { readFile } from 'node:fs/promises';
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from '@openai/agents/realtime';
import { z } from 'zod';

const DEADLINE_MS = 15_000;
const CHUNK_BYTES = 1920; // 40 ms of PCM16 at 24 kHz
const [url, apiKey, recording] = process.argv.slice(2);

// The SDK drops what its schemas do not read without a word, so each event is held against them once more.
const schemas = new URL('./openaiRealtimeEvents.mjs', import.meta.resolve('@openai/agents-realtime'));
const { parseRealtimeEvent } = await import(schemas.href);

const report = { unread: [], errors: [], toolCalls: [], ends: [] };
const caller = await readFile(recording);
const made = new Map(); // by response: what came of it, whatever is forgotten
let events = [];
let wake = () => {};

function heard(kind, event = {}) {
  events.push({ ...event, kind });
  wake();
}

/** The first event of a kind since `forget`, now or later. */
async function first(kind, test = () => true) {
  for (;;) {
    const found = events.find((event) => event.kind === kind && test(event));
    if (found) return found;
    await new Promise((resolve) => { wake = resolve; });
  }
}

function forget() {
  events = [];
}

const weather = tool({
  name: 'weather',
  description: 'The weather of a city',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => {
    report.toolCalls.push(city);
    return `15 degrees in ${city}`;
  },
});
const transport = new OpenAIRealtimeWebSocket({ url });
const session = new RealtimeSession(
  new RealtimeAgent({ name: 'Clerk', instructions: 'Be brief.', tools: [weather] }),
  {
    transport,
    config: { audio: { input: { turnDetection: { type: 'server_vad', interruptResponse: true } } } },
  },
);
session.on('transport_event', (event) => {
  const { isGeneric } = parseRealtimeEvent({ data: JSON.stringify(event) });
  if (isGeneric) report.unread.push(event);
  if (event.type === 'response.output_audio_transcript.delta') madeBy(event.response_id).transcript += event.delta;
  heard(event.type, event);
});
session.on('error', (event) => report.errors.push(event.error ?? event));
session.on('audio', ({ responseId, data }) => {
  madeBy(responseId).audioBytes += data.byteLength;
  heard('audio', { responseId });
});
session.on('audio_interrupted', () => heard('audio_interrupted'));
session.on('agent_end', (_context, _agent, text) => report.ends.push(text));
session.on('history_updated', (history) => heard('history_updated', { history }));

function madeBy(responseId) {
  if (!made.has(responseId)) made.set(responseId, { transcript: '', audioBytes: 0 });
  return made.get(responseId);
}

function say() {
  for (let start = 0; start < caller.length; start += CHUNK_BYTES) {
    const chunk = caller.subarray(start, start + CHUNK_BYTES);
    session.sendAudio(chunk.buffer.slice(chunk.byteOffset, chunk.byteOffset + chunk.byteLength));
  }
}

/** The id of the response that begins after `forget`, other than `before`. */
async function begun(before) {
  return (await first('response.created', (event) => event.response.id !== before)).response.id;
}

/** Wait for a response's end; give its status, its items, and what came of it on the way. */
async function ended(id) {
  const { response } = await first('response.done', (event) => event.response.id === id);
  return { status: response.status, itemIds: response.output.map((item) => item.id), ...madeBy(id) };
}

/** Speak while an answer is unheard; give where the SDK had it cut, and the response to what was said. */
async function bargeIn() {
  forget();
  say();
  const { audio_start_ms: startMs } = await first('input_audio_buffer.speech_started');
  await first('audio_interrupted');
  const { item_id: itemId, audio_end_ms: endMs } = await first('conversation.item.truncated');
  await first('conversation.item.retrieved', (event) => event.item.id === itemId);
  const { audio_end_ms: stopMs } = await first('input_audio_buffer.speech_stopped');
  return { startMs, stopMs, cut: { itemId, endMs }, responseId: await begun() };
}

/** Whether all that was heard has its words. */
function isWritten(history) {
  const heardParts = history.flatMap((item) => item.content ?? []).filter((part) => part.type === 'input_audio');
  return heardParts.length > 0 && heardParts.every((part) => part.transcript);
}

async function converse() {
  await session.connect({ apiKey });
  const updated = await first('session.updated', (event) => event.session.tools?.length);
  report.settled = updated.session;

  forget();
  session.sendMessage('Good morning');
  report.typed = await ended(await begun());

  report.overMade = await bargeIn();
  await first('audio', (event) => event.responseId === report.overMade.responseId);

  report.whileMade = await bargeIn();
  report.interrupted = await ended(report.overMade.responseId);
  report.spoken = await ended(report.whileMade.responseId);

  forget();
  session.sendMessage('How warm is it?');
  const asking = await begun();
  report.asking = await ended(asking);
  report.told = await ended(await begun(asking));

  await first('history_updated', ({ history }) => history.at(-1).itemId === report.told.itemIds[0] && isWritten(history));
  report.history = session.history;
}

const deadline = setTimeout(() => finish('the deadline passed'), DEADLINE_MS);

function finish(failure) {
  clearTimeout(deadline);
  if (failure) Object.assign(report, { failure, lastEvents: events.slice(-20) });
  console.log(JSON.stringify(report));
  process.exitCode = failure ? 1 : 0;
  session.close();
}

try {
  await converse();
  finish();
} catch (error) {
  finish(String(error?.stack ?? error));
}
