// How much of what the agent said was heard before the caller cut it short. Pure.

/** Split words behind those that were heard, of which the gateway keeps account: the beginning of the text. */
export function splitHeard(text, heardText) {
  const heard = text.startsWith(heardText) ? heardText.trimEnd() : text;
  return { heard, unheard: text.slice(heard.length).trim() };
}
