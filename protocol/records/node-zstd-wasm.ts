/**
 * zstd in WebAssembly, for runtimes whose node:zlib has none (Node.js before 22.15).
 *
 * Owns: the module of @bokuweb/zstd-wasm, compiled from its file on first use and without its own loader, which can only be
 * awaited; the memory it works in. Leaves frames, and how large an output may be, to zstd.ts.
 * A WebAssembly memory never shrinks: work beyond KEPT_BYTES gets an instance of its own, which goes with it.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { CompressionError, corrupt, tooLarge } from "./compression-error.ts";

const KEPT_BYTES = 4 * 1024 * 1024;
/** Beyond this level the tables that compression works with take many megabytes. */
const KEPT_LEVEL = 9;
const PAGE_BYTES = 65_536;
/** ZSTD_error_dstSize_tooSmall */
const OUTPUT_TOO_SMALL = 70;

declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

/** The exports of version 0.0.27 under the names that its build shortened them to. Sizes, pointers and contexts are int32. */
interface ZstdExports {
  /** Memory. */
  readonly f: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  /** Runs the module's constructors. */
  readonly g: () => void;
  /** ZSTD_isError(result) */
  readonly h: (result: number) => number;
  /** ZSTD_compressBound(sourceBytes) */
  readonly i: (sourceBytes: number) => number;
  /** ZSTD_createCCtx() */
  readonly j: () => number;
  /** ZSTD_compress_usingDict(context, to, toBytes, from, fromBytes, dictionary, dictionaryBytes, level) */
  readonly l: (...operands: number[]) => number;
  /** ZSTD_createDCtx() */
  readonly n: () => number;
  /** ZSTD_decompress_usingDict(context, to, toBytes, from, fromBytes, dictionary, dictionaryBytes) */
  readonly q: (...operands: number[]) => number;
  /** malloc(sizeBytes) */
  readonly s: (sizeBytes: number) => number;
  /** free(pointer) */
  readonly t: (pointer: number) => void;
}

class ZstdInstance {
  private readonly zstd: ZstdExports;
  private compressor = 0;
  private decompressor = 0;

  constructor(module: object) {
    const nothing = (): number => 0;
    const abort = (): never => {
      throw new Error("zstd aborted");
    };
    // In order: exit, keep the runtime alive, abort, timer, grow the memory.
    const imports = {
      a: nothing,
      b: nothing,
      c: abort,
      d: nothing,
      e: (sizeBytes: number) => this.grow(sizeBytes >>> 0),
    };
    this.zstd = new WebAssembly.Instance(module, { a: imports }).exports as ZstdExports;
    this.zstd.g();
  }

  compress(input: Uint8Array, level: number): Buffer {
    const { zstd } = this;
    this.compressor ||= this.pointer(zstd.j());
    const room = zstd.i(input.length);
    return this.run(input, room, (to, from) => zstd.l(this.compressor, to, room, from, input.length, 0, 0, level));
  }

  decompress(input: Uint8Array, maxBytes: number): Buffer {
    const { zstd } = this;
    this.decompressor ||= this.pointer(zstd.n());
    return this.run(input, maxBytes, (to, from) => zstd.q(this.decompressor, to, maxBytes, from, input.length, 0, 0));
  }

  /** Copies the input in and what came of it out. */
  private run(input: Uint8Array, room: number, work: (to: number, from: number) => number): Buffer {
    const { zstd } = this;
    const from = this.pointer(zstd.s(input.length + 1));
    const to = this.pointer(zstd.s(room + 1));
    new Uint8Array(zstd.f.buffer, from, input.length).set(input);
    const result = work(to, from) >>> 0;
    const failed = zstd.h(result | 0) !== 0;
    const output = failed ? undefined : Buffer.from(new Uint8Array(zstd.f.buffer, to, result));
    zstd.t(to);
    zstd.t(from);
    if (output === undefined)
      throw -(result | 0) === OUTPUT_TOO_SMALL ? tooLarge(room) : corrupt(`zstd: error ${-(result | 0)}`);
    return output;
  }

  private pointer(pointer: number): number {
    if (pointer === 0) throw new Error("zstd has no memory left");
    return pointer >>> 0;
  }

  /** Called by the module: 1 when it worked. */
  private grow(sizeBytes: number): number {
    const { f: memory } = this.zstd;
    try {
      memory.grow(Math.ceil((sizeBytes - memory.buffer.byteLength) / PAGE_BYTES));
      return 1;
    } catch {
      // The module's malloc then answers null.
      return 0;
    }
  }
}

let compiled: object | undefined;
let kept: ZstdInstance | undefined;

/** @throws CompressionError `unsupported` when the package is not installed. */
export function compressZstdWasm(input: Uint8Array, level: number): Buffer {
  return instanceFor(level > KEPT_LEVEL ? Number.POSITIVE_INFINITY : input.length).compress(input, level);
}

/**
 * Decompresses one frame.
 * @param maxBytes what the frame can hold at most: that much memory is reserved.
 * @throws CompressionError
 */
export function decompressZstdWasm(frame: Uint8Array, maxBytes: number): Buffer {
  return instanceFor(Math.max(frame.length, maxBytes)).decompress(frame, maxBytes);
}

function instanceFor(workBytes: number): ZstdInstance {
  compiled ??= compileModule();
  if (workBytes > KEPT_BYTES) return new ZstdInstance(compiled);
  kept ??= new ZstdInstance(compiled);
  return kept;
}

function compileModule(): object {
  try {
    const main = createRequire(import.meta.url).resolve("@bokuweb/zstd-wasm");
    return new WebAssembly.Module(readFileSync(join(dirname(main), "zstd.wasm")));
  } catch (error) {
    throw new CompressionError("unsupported", "zstd: this runtime has none, and @bokuweb/zstd-wasm is not installed", {
      cause: error,
    });
  }
}
