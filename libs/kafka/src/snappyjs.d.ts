declare module 'snappyjs' {
  const snappy: {
    compress(input: Buffer): Buffer
    /** @throws Error when the bytes are no Snappy block, or their length is more than `maxLength` */
    uncompress(input: Buffer, maxLength?: number): Buffer
  }
  export default snappy
}
