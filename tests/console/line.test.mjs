import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Line } from "../../gateway/console/static/line.js";

// The browser's socket, in memory.
let socket;
class Socket {
  static OPEN = 1;
  readyState = 1;
  bufferedAmount = 0;
  sent = [];
  constructor() {
    socket = this;
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
  }
}
globalThis.WebSocket = Socket;

const hear = (message) => socket.onmessage({ data: JSON.stringify(message) });
let line;
let over;
beforeEach(() => {
  line = new Line("ws://127.0.0.1/phone/line");
  over = [];
  line.addEventListener("over", ({ detail }) => over.push(detail));
  socket.onopen();
});

test("a mark of a stream that has ended is not given back on the next one", () => {
  hear({ event: "phone.answered", streamSid: "MZ1" });
  line.echoMark("a", "MZ1");
  hear({ event: "phone.answered", streamSid: "MZ2" });
  line.echoMark("b", "MZ1");
  line.echoMark("c", "MZ2");
  assert.deepEqual(socket.sent.map(({ streamSid, sequenceNumber, mark }) => [streamSid, sequenceNumber, mark.name]), [
    ["MZ1", "2", "a"],
    ["MZ2", "2", "c"],
  ]);
});

test("frames that the socket does not get rid of are lost, and leave no backlog", () => {
  hear({ event: "phone.answered", streamSid: "MZ1" });
  socket.bufferedAmount = 1 << 20;
  for (let n = 0; n < 50; n++) line.sendFrame(new Uint8Array(160));
  socket.bufferedAmount = 0;
  line.sendFrame(new Uint8Array(160));
  assert.deepEqual(socket.sent.map(({ media }) => [media.chunk, media.timestamp]), [["1", "1000"]]);
});

test("a call is over once, whoever ends it first, and nothing is sent or heard after that", () => {
  hear({ event: "phone.answered", streamSid: "MZ1" });
  line.hangUp();
  socket.onclose({ code: 1006 });
  hear({ event: "phone.over", text: "The gateway hung up." });
  line.sendFrame(new Uint8Array(160));
  assert.equal(line.press("5"), false);
  assert.deepEqual(over.map(({ text }) => text), ["You hung up."]);
  assert.deepEqual(socket.sent, [{ event: "phone.hang-up" }]);
});

test("a gateway that stops and a line that breaks are told apart", () => {
  socket.onclose({ code: 1012 });
  assert.match(over[0].text, /was stopped/);
  line = new Line("ws://127.0.0.1/phone/line");
  line.addEventListener("over", ({ detail }) => over.push(detail));
  socket.onclose({ code: 1006 });
  assert.match(over[1].text, /was lost/);
});
