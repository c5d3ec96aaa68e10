// G.711 mu-law, exact for every code and every 16-bit sample, as ITU-T G.711 defines the intervals.

export const SILENCE = 0xff;

/** Upper edges of the 128 intervals, on the 14-bit scale: one of width 1, 15 of width 2, then 16 to a segment. */
function intervalEdges() {
  const edges = [0, 1];
  for (let i = 0; i < 15; i++) edges.push(edges.at(-1) + 2);
  for (let segment = 0; segment < 7; segment++) {
    for (let i = 0; i < 16; i++) edges.push(edges.at(-1) + (4 << segment));
  }
  return edges;
}

const EDGES = intervalEdges();

/** Samples (int16) of the codes 0 to 255. */
export const DECODE = new Int16Array(256);
for (let interval = 0; interval < 128; interval++) {
  const middle = interval === 0 ? 0 : Math.floor((EDGES[interval] + EDGES[interval + 1]) / 2) * 4;
  DECODE[255 - interval] = middle;
  DECODE[127 - interval] = -middle;
}

/** Codes of the samples -32768 to 32767, in that order. */
export const ENCODE = new Uint8Array(65536);
for (let magnitude = 0, interval = 0; magnitude <= 32768; magnitude++) {
  while (interval < 127 && EDGES[interval + 1] * 4 <= magnitude) interval++;
  if (magnitude < 32768) ENCODE[32768 + magnitude] = 255 - interval;
  // A negative sample on an edge stays in the smaller interval.
  const smaller = interval > 0 && EDGES[interval] * 4 === magnitude ? interval - 1 : interval;
  if (magnitude > 0) ENCODE[32768 - magnitude] = 127 - smaller;
}

/** The code of one sample on the scale -1 to 1; beyond it is cut off. */
export function encodeFloat(sample) {
  const rounded = Math.round(sample * 32768);
  return ENCODE[32768 + Math.max(-32768, Math.min(32767, rounded))];
}

/** Samples of the 256 codes on the scale -1 to 1. */
export const DECODE_FLOAT = Float32Array.from(DECODE, (sample) => sample / 32768);
