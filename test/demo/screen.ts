/** How the demo speaks: calm lines, the commands as typed, their output as it came. */
export interface Screen {
  /** What comes next, with the seconds since the start. */
  heading(text: string): void;
  /** What the demo itself has to say. */
  note(text: string): void;
  /** A command as a person types it. */
  command(line: string): void;
  /** What a command printed, untouched, or a table. */
  output(text: string): void;
}

export type Style = 'plain' | 'coloured';

/** Colours only for people at a terminal who did not ask for none (https://no-color.org). */
export function styleOf(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): Style {
  const refused = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  return stream.isTTY === true && !refused ? 'coloured' : 'plain';
}

/** A screen on top of something that takes text. */
export function screenOn(write: (text: string) => void, style: Style): Screen {
  const begun = performance.now();
  const set = (code: number, text: string) =>
    style === 'coloured' ? `\u001b[${code}m${text}\u001b[0m` : text;
  return {
    heading: (text) => {
      const seconds = ((performance.now() - begun) / 1000).toFixed(1).padStart(5);
      write(`\n${set(1, `[${seconds} s] ${text}`)}\n`);
    },
    note: (text) => write(`${text}\n`),
    command: (line) => write(`${set(36, `$ ${line}`)}\n`),
    output: (text) => write(text === '' || text.endsWith('\n') ? text : `${text}\n`),
  };
}
