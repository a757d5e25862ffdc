declare module 'cap' {
  /**
   * libpcap on one link. Aborts the whole process when the link goes down; see frame-socket.ts for
   * the guards.
   */
  class Cap {
    /**
     * Returns the link type, `ETHERNET` for us. `buffer` is written to by native code until
     * `close`.
     */
    open(device: string, filter: string, ringBytes: number, buffer: Buffer): string;
    close(): void;
    send(frame: Uint8Array, length: number): void;
    on(event: 'packet', listener: (length: number, truncated: boolean) => void): this;
    /** Called by the native half, which looks it up when the object is made. */
    emit(event: 'packet', length: number, truncated: boolean): boolean;
  }
  const cap: { readonly Cap: typeof Cap };
  export default cap;
}
