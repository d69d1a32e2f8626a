declare module 'kafkajs/src/network/requestQueue/index.js' {
  const RequestQueue: {
    prototype: {
      throttleCheckTimeoutId: NodeJS.Timeout | null
      throttledUntil: number
      pending: readonly unknown[]
      checkPendingRequests(): void
      scheduleCheckPendingRequests(): void
    }
  }
  export default RequestQueue
}

declare module 'kafkajs/src/protocol/encoder.js' {
  export default class Encoder {
    writeInt32(value: number): this
    writeBoolean(value: boolean): this
    writeUVarInt(value: number): this
    writeUVarIntString(value: string): this
    writeUVarIntArray(array: readonly Encoder[]): this
  }
}

declare module 'kafkajs/src/protocol/decoder.js' {
  export default class Decoder {
    constructor(buffer: Buffer)
    readInt16(): number
    readInt32(): number
    readBytes(length: number): Buffer
    readUVarIntString(): string | null
    readUVarIntArray<T>(read: (decoder: Decoder) => T): T[]
    readTaggedFields(): void
  }
}
