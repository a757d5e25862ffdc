/** What the spoofer is told on its standard input, in one line. It tells how many it has sent. */
export interface SpooferConfig {
  readonly link: string;
  /** Whole Ethernet frames in hexadecimal digits, sent in turn. */
  readonly frames: readonly string[];
  readonly perSecond: number;
}
