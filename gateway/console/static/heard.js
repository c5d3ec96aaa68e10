// How much of a sentence was heard before the caller cut it short. Pure.

/**
 * Split words at the share of their sound that was heard: only the gateway knows the milliseconds, and nobody knows
 * where in them each word is, so words are taken to be spread evenly.
 */
export function splitHeard(text, heardMs, totalMs) {
  const words = text.split(/\s+/).filter(Boolean);
  const share = totalMs > 0 ? Math.min(1, heardMs / totalMs) : 0;
  const n = Math.round(words.length * share);
  return { heard: words.slice(0, n).join(" "), unheard: words.slice(n).join(" ") };
}
