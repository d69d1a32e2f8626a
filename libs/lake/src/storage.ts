import type { PublishedFile } from './manifest.ts'

/** A text that can be replaced at once. */
export interface StoredText {
  readonly text: string
  /** Tells this content of it from any other. */
  readonly tag: string
}

/**
 * Where a lake keeps what is published. Keys are paths within the lake, with slashes.
 *
 * Only `replaceText` makes something readable, so it alone has to be one step.
 */
export interface LakeStorage {
  /** For messages: a folder or an address, without a slash at its end. */
  readonly name: string
  /** Undefined when there is none. */
  readText(key: string): Promise<StoredText | undefined>
  /**
   * Replaces a text in one step.
   * @param tag of the text that it replaces; null for none, undefined for whatever is there
   * @returns false, and nothing is changed, when another text is there
   */
  replaceText(key: string, text: string, tag: string | null | undefined): Promise<boolean>
  /** Puts every file of a folder of this machine beneath a key; they are safe when it returns. The folder may be gone then. */
  putFolder(folder: string, key: string): Promise<void>
  /**
   * The path on this machine of a file with that content.
   * @throws STATE_CORRUPT when it is missing or another
   */
  open(key: string, file: PublishedFile): Promise<string>
  /** The names of the folders directly beneath a key. */
  folders(key: string): Promise<string[]>
  /**
   * Which of the folders directly beneath a key have a text of that name, and what changes with its content. That is no
   * tag of `replaceText`, and costs no reading of the texts.
   */
  changes(key: string, name: string): Promise<ReadonlyMap<string, string>>
  /**
   * Removes folders directly beneath a key that nobody reads.
   * @param kept those that stay
   * @param retired those that were published and are not needed any more; where others may be writing, a folder
   * that is neither is left until its writer must be gone
   */
  sweep(key: string, kept: ReadonlySet<string>, retired: readonly string[]): Promise<void>
  /**
   * Removes a text, and then the folders beside it that nobody reads.
   * @param retired the folders that were published; as for `sweep`, others may stay until their writer must be gone
   */
  remove(key: string, name: string, retired: readonly string[]): Promise<void>
  /**
   * Does work on what is beneath a key while no other process of this lake does, where the storage can tell; elsewhere
   * `replaceText` refuses what comes too late.
   * @throws RUN_IN_PROGRESS
   */
  exclusively<T>(key: string, work: () => Promise<T>): Promise<T>
}
