/** Rows that share the 5 %: with so many, one of them is ever labelled by chance in 5 % of cases at most. */
const ROWS = 500
/** Level at which a difference counts as one. */
const SIGNIFICANCE = 0.05
/** Blocks that the shortest length needs, and each longer one. */
const FIRST_BLOCKS = 16
const MORE_BLOCKS = 32
/** The shortest length, in differences, and in horizons: overlapping targets share outcomes. */
const SHORTEST_BLOCK = 8
const BLOCK_HORIZONS = 2

export const SCORE_LABELS = {
  tooFew: 'too few scores',
  better: 'better than naive',
  same: 'not distinguishable',
  worse: 'worse than naive'
} as const
export type ScoreLabel = (typeof SCORE_LABELS)[keyof typeof SCORE_LABELS]

/** Scored forecasts below which no label is given. */
export function minScored(horizon: number): number {
  return FIRST_BLOCKS * shortestBlock(horizon)
}

function shortestBlock(horizon: number): number {
  return Math.max(SHORTEST_BLOCK, BLOCK_HORIZONS * horizon)
}

/** Stored form: differences and their sum, then for each block length the sum of squares and the block begun. */
export type LossTestState = readonly number[]

/**
 * Whether a forecast and the naive one differ in accuracy beyond chance, valid however often one looks.
 *
 * Takes the differences of losses (here |error| - |naive error|) in the order in which targets resolve, sums
 * them in blocks, and tests that the mean block is 0 by the t-test that may be read after every block: for B
 * blocks with sum S and sum of squares V the evidence is
 *
 *     e = sqrt(1 / (B + 1)) (1 - S^2 / ((B + 1) V))^(-B / 2)
 *
 * the likelihood ratio of effects mean / sd drawn from a standard normal against none, whatever the sd. Without a
 * difference it is a martingale that begins at 1, so it ever exceeds 1 / a with probability a at most.
 * Blocks make differences that depend on one another, with heavy tails, into sums that are next to
 * independent and normal. How long they depend is not known, so the test is made at every length from
 * max(8, 2 horizon) on, each twice the one before, while there are 32 blocks (16 of the shortest): the least
 * evidence counts. That of one length that suffices bounds the chance.
 * Sources: Lai, Annals of Statistics 4 (1976); Wang & Ramdas, Anytime-valid t-tests and confidence
 * sequences for Gaussian means with unknown variance, Sequential Analysis 44 (2025); Ville 1939.
 */
export class LossTest {
  readonly #block: number
  readonly #state: number[]

  constructor(horizon: number, state: LossTestState = [0, 0]) {
    this.#block = shortestBlock(horizon)
    this.#state = [...state]
  }

  add(difference: number): void {
    const state = this.#state
    const n = (state[0] = (state[0] ?? 0) + 1)
    state[1] = (state[1] ?? 0) + difference
    let block = difference
    for (let at = 2, length = this.#block; ; at += 2, length *= 2) {
      block = state[at + 1] = (state[at + 1] ?? 0) + block
      state[at] ??= 0
      if (n % length !== 0) return
      state[at] = (state[at] ?? 0) + block * block
      state[at + 1] = 0
    }
  }

  /** Natural logarithm of the evidence; undefined with too few differences. */
  get evidence(): number | undefined {
    const [n = 0, total = 0] = this.#state
    let least: number | undefined
    let open = 0
    for (let at = 2, length = this.#block; ; at += 2, length *= 2) {
      const blocks = Math.floor(n / length)
      if (blocks < (at === 2 ? FIRST_BLOCKS : MORE_BLOCKS)) return least
      open += this.#state[at + 1] ?? 0
      const one = logEvidence(blocks, total - open, this.#state[at] ?? 0)
      least = Math.min(least ?? Infinity, one)
    }
  }

  /**
   * Bound of the probability of so much evidence by chance, at any time and in any of 500 rows. Null with
   * too few differences.
   */
  get p(): number | null {
    const { evidence } = this
    return evidence === undefined ? null : Math.min(1, ROWS * Math.exp(-evidence))
  }

  get label(): ScoreLabel {
    const { p } = this
    const [, total = 0] = this.#state
    if (p === null) return SCORE_LABELS.tooFew
    if (p >= SIGNIFICANCE || total === 0) return SCORE_LABELS.same
    return total < 0 ? SCORE_LABELS.better : SCORE_LABELS.worse
  }

  state(): LossTestState {
    return [...this.#state]
  }
}

function logEvidence(blocks: number, sum: number, squares: number): number {
  if (squares === 0) return 0
  const share = (sum * sum) / ((blocks + 1) * squares)
  return -0.5 * Math.log(blocks + 1) - (blocks / 2) * Math.log1p(-Math.min(share, 1))
}
