/**
 * An extent on its way to the volumes: already ciphertext.
 */

export interface SealedExtent {
  /** 16 bytes, random: the name of these bytes for ever. */
  id: Buffer
  /** Bytes of plaintext. */
  size: number
  /** The frames in order: `frameSize` + 16 bytes each, the last one shorter. Not changed after the call. */
  frames: readonly Uint8Array[]
}
