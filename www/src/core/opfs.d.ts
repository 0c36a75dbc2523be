/** The part of OPFS that only workers have: TypeScript declares it in its worker library, which contradicts the page's. */
interface FileSystemSyncAccessHandle {
  /** Bytes read; fewer than asked for at the end of the file. */
  read(into: Uint8Array<ArrayBuffer>, options: { at: number }): number;
  write(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number;
  truncate(bytes: number): void;
  flush(): void;
  close(): void;
}

interface FileSystemFileHandle {
  createSyncAccessHandle(): Promise<FileSystemSyncAccessHandle>;
}
