/**
 * The optional native packages: faster CRC-32C, Snappy and LZ4 where they are installed.
 *
 * Owns: loading each on its first use, once, and the switch that keeps them out. Leaves to crc32c.ts, snappy.ts, lz4.ts and
 * zstd.ts what is done without them. Nothing here fails when a package is absent or does not fit the machine.
 */
import { createRequire } from "node:module";

interface NativeCrc32 {
  crc32c(input: Uint8Array, initialState?: number): number;
}

interface NativeSnappy {
  compressSync(input: Uint8Array, options: { copyOutputData: boolean }): Buffer;
  uncompressSync(input: Uint8Array, options: { copyOutputData: boolean; asBuffer: true }): Buffer;
}

interface NativeLz4 {
  /** One block, behind its uncompressed size in four bytes. */
  compressSync(input: Buffer): Buffer;
  decompressFrameSync(input: Buffer): Buffer;
}

/** One package, not loaded until it is first asked for. */
export class OptionalPackage<T> {
  private readonly packageName: string;
  private readonly needs: keyof T & string;
  private loaded: { readonly module: T | undefined } | undefined;

  constructor(packageName: string, needs: keyof T & string) {
    this.packageName = packageName;
    this.needs = needs;
  }

  get module(): T | undefined {
    if (!allowed) return undefined;
    this.loaded ??= { module: this.load() };
    return this.loaded.module;
  }

  /** The package, or undefined when it is not installed, not for this platform, or not what it was. */
  private load(): T | undefined {
    try {
      const found = createRequire(import.meta.url)(this.packageName) as T;
      return typeof found[this.needs] === "function" ? found : undefined;
    } catch {
      // Whatever keeps it from loading, the fallback does the same work.
      return undefined;
    }
  }
}

let allowed = true;

export const nativeCrc32 = new OptionalPackage<NativeCrc32>("@node-rs/crc32", "crc32c");
export const nativeSnappy = new OptionalPackage<NativeSnappy>("snappy", "uncompressSync");
export const nativeLz4 = new OptionalPackage<NativeLz4>("lz4-napi", "decompressFrameSync");

/**
 * With `native: false` the fallbacks do everything, zstd in WebAssembly even where node:zlib has it, until this is called again.
 * Says which of the packages are in use now.
 */
export function loadCodecs(options: { readonly native: boolean }): { crc32: boolean; snappy: boolean; lz4: boolean } {
  allowed = options.native;
  return {
    crc32: nativeCrc32.module !== undefined,
    snappy: nativeSnappy.module !== undefined,
    lz4: nativeLz4.module !== undefined,
  };
}

export function nativeAllowed(): boolean {
  return allowed;
}
