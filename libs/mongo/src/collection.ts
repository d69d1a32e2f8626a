import {
  ReadConcern,
  type Collection,
  type CreateIndexesOptions,
  type Db,
  type DbOptions,
  type Document,
  type IndexSpecification,
  type WriteConcernSettings
} from 'mongodb'

/** A majority that answers no more is an error that the caller may retry, not a wait without end; ms. */
const MAJORITY_LIMIT_MS = 30_000

/**
 * The guarantee depends on these writes: MongoDB acknowledges them when they are on the disks of most members
 * of the replica set, so neither a killed server nor a failover undoes an acknowledged write. Both are named:
 * `j` alone means one member (docs/adr/0025-majority-writes-and-reads.md).
 */
export const DURABLE: WriteConcernSettings = {
  w: 'majority',
  journal: true,
  wtimeoutMS: MAJORITY_LIMIT_MS
}

/**
 * Reads see what no failover can undo, on the member that knows it first. They are set here because the
 * options of MONGODB_URI may send reads to a member that lags behind.
 */
export const DECISIVE_READS: DbOptions = {
  readConcern: new ReadConcern('majority'),
  readPreference: 'primary'
}

/** The index by which MongoDB removes each document at a time of its own, `expiresAt`. */
export const OWN_EXPIRY: readonly [IndexSpecification, CreateIndexesOptions] = [
  { expiresAt: 1 },
  { expireAfterSeconds: 0 }
]

/** The part of a Database that a function uses: the collection of this name. */
export type Has<Name extends string, D extends Document> = { readonly [N in Name]: Collection<D> }

/** The part of a Database by which a function opens a collection itself. */
export interface HasDb {
  readonly db: Db
}

interface CollectionParts {
  readonly indexes?: readonly (readonly [IndexSpecification, CreateIndexesOptions?])[]
  /** How its documents are written; MongoDB's default for those that are rewritten soon. */
  readonly writeConcern?: WriteConcernSettings
}

const NAMESPACE_EXISTS = 48
const ZSTD = { storageEngine: { wiredTiger: { configString: 'block_compressor=zstd' } } }

/** A collection as the file of its documents declares it; `Database` is derived from all of them. */
export class CollectionSpec<D extends Document> {
  readonly name: string
  readonly #parts: CollectionParts

  constructor(name: string, parts: CollectionParts = {}) {
    this.name = name
    this.#parts = parts
  }

  in(db: Db): Collection<D> {
    const { writeConcern } = this.#parts
    return db.collection<D>(this.name, writeConcern === undefined ? {} : { writeConcern })
  }

  /** Creates the collection, compressed by zstd, unless it exists. */
  async create(db: Db): Promise<void> {
    try {
      await db.createCollection(this.name, ZSTD)
    } catch (error) {
      if ((error as { code?: number }).code !== NAMESPACE_EXISTS) throw error
    }
  }

  /** Creates the indexes that do not exist. */
  async createIndexes(db: Db): Promise<void> {
    const collection = this.in(db)
    for (const [keys, options] of this.#parts.indexes ?? [])
      await collection.createIndex(keys, options)
  }

  /** Drops the collection and creates it again. */
  async recreate(db: Db): Promise<void> {
    await this.in(db).drop()
    await this.createIndexes(db)
  }
}
