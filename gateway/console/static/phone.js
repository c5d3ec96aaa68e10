// The page: what one sees and presses. For tests, the body's data attributes tell `state`, `audibleSamples` (samples
// louder than -50 dBFS that went to the loudspeaker) and `clears` (barge-ins that threw sound away).

import { Call } from "./call.js";
import { KeyPad } from "./key_pad.js";
import { FLOOR_DB } from "./loudness.js";
import { Meter } from "./meter.js";
import { Transcript } from "./transcript.js";

const element = (id) => document.getElementById(id);
const page = document.body.dataset;
const button = element("call");
const transcript = new Transcript(element("log"));
const meters = { input: new Meter(element("input")), output: new Meter(element("output")) };
const keyPad = new KeyPad(element("keys"), (digit) => call?.press(digit));

let call = null;
let timer = null;

function say(text, isFault = false) {
  element("status").textContent = text;
  if (isFault) page.fault = "";
  else delete page.fault;
}

function enter(state) {
  page.state = state;
  button.lastElementChild.textContent = state === "idle" ? "Call" : "Hang up";
  const onKeyPad = element("keys").contains(document.activeElement);
  keyPad.enabled = state === "connected";
  if (onKeyPad && state === "idle") button.focus(); // a key that is switched off loses the focus to nobody
  for (const id of ["echo", "noise"]) element(id).disabled = state !== "idle";
}

function milliseconds(value) {
  return value === null ? "–" : `${value} ms`;
}

function startTimer() {
  const began = performance.now();
  const show = () => {
    const seconds = Math.floor((performance.now() - began) / 1000);
    element("timer").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  };
  show();
  timer = setInterval(show, 500);
}

function begin() {
  transcript.clear();
  page.audibleSamples = page.clears = "0";
  element("timer").textContent = "0:00";
  for (const id of ["set-up", "answer", "barge-in"]) element(id).textContent = "–";
  enter("starting");
  say("Waiting for the microphone. Allow it if the browser asks.");
  call = new Call();
  listen(call);
  const settings = { echoCancellation: element("echo").checked, noiseSuppression: element("noise").checked };
  call.start(new URL("/phone/line", location.href.replace(/^http/, "ws")), settings);
}

function listen(current) {
  const on = (name, listener) => current.addEventListener(name, ({ detail }) => listener(detail));
  on("ringing", () => {
    enter("ringing");
    say("Calling…");
  });
  on("answered", (setUpMs) => {
    enter("connected");
    say("Connected. Speak now.");
    element("set-up").textContent = milliseconds(setUpMs);
    if (timer === null) startTimer();
  });
  on("input", (level) => meters.input.show(level));
  on("output", (level) => meters.output.show(level));
  on("conversation", (event) => transcript.take(event));
  on("notice", (text) => transcript.note(text));
  on("audible", (samples) => (page.audibleSamples = String(samples)));
  on("cleared", () => (page.clears = String(Number(page.clears) + 1)));
  on("figures", ({ answerMs, bargeInMs }) => {
    element("answer").textContent = milliseconds(answerMs);
    element("barge-in").textContent = milliseconds(bargeInMs);
  });
  on("over", finish);
}

function finish({ text, failed, faults }) {
  clearInterval(timer);
  timer = call = null;
  transcript.finish();
  for (const [code, n] of Object.entries(faults)) {
    transcript.note(`Twilio would have warned about the gateway: ${code}, ${n} times.`);
  }
  for (const meter of Object.values(meters)) meter.show(FLOOR_DB);
  enter("idle");
  say(text, failed);
}

button.addEventListener("click", ({ detail }) => {
  if (detail > 1) return; // the second click of a double one would hang up
  if (call === null) begin();
  else call.hangUp();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") call?.hangUp();
  if (event.key === "Enter" && event.repeat) event.preventDefault(); // held down, it would click again and again
});
window.addEventListener("pagehide", () => call?.hangUp());
enter("idle");
