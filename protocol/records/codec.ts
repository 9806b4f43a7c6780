/** The compression codecs by their id in a batch's attributes, and Kafka's names and levels for them. */

export const Codec = { NONE: 0, GZIP: 1, SNAPPY: 2, LZ4: 3, ZSTD: 4 } as const;
export type Codec = (typeof Codec)[keyof typeof Codec];

/** Index is the id. */
export const CODEC_NAMES = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

/** Levels as `compression.<codec>.level` takes them; -1 is zlib's own choice. */
export const CODEC_LEVELS = {
  gzip: { default: -1, min: 1, max: 9 },
  lz4: { default: 9, min: 1, max: 17 },
  zstd: { default: 3, min: -131_072, max: 22 },
} as const;

/** Ids 5 to 7 fit the attribute bits but name nothing. */
export function isCodec(id: number): id is Codec {
  return id >= Codec.NONE && id <= Codec.ZSTD;
}

/** The codec of a name, as in `compression.type`; undefined for any other word. */
export function codecOfName(name: string): Codec | undefined {
  const id = (CODEC_NAMES as readonly string[]).indexOf(name);
  return isCodec(id) ? id : undefined;
}
