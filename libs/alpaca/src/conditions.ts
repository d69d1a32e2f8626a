/** Rises when the table changes. */
export const ALPACA_CONDITION_TABLE_VERSION = 1

/**
 * From sale conditions as Alpaca sends them, letters of the two consolidated tapes, to Finnhub's code
 * numbers, which the rules of the domain use. One letter can mean different things on the two
 * tapes: B is an average price on CTA (tapes A and B), a bunched trade on UTP (tape C); so are O, 5, 6.
 * K is Rule 127 (NYSE) or Rule 155 (AMEX), with the same effect. V was a stock-option trade long ago.
 * Source: CTS and UTDF sale-condition tables beside Finnhub's condition sheet.
 */
const CTA = `
@=1 B=3 C=5 E=7 F=8 H=10 I=12 K=13 L=15 M=16 N=17 O=18 P=21 Q=20 R=22 T=24 U=25 V=26 X=28 Z=30
4=32 5=33 6=35 7=37 8=38 9=39`

const UTP = `
@=1 A=2 B=4 C=5 D=6 F=8 G=9 H=10 I=12 K=14 L=15 M=16 N=17 O=19 P=21 Q=20 R=22 S=23 T=24 U=25 V=26
W=3 X=28 Y=29 Z=30 1=31 4=32 5=34 6=36 7=37 8=38 9=39`

/** A Map, because an object would have an entry for a tape named __proto__. */
const TABLES: ReadonlyMap<unknown, ReadonlyMap<string, string>> = new Map([
  ['A', tableOf(CTA)],
  ['B', tableOf(CTA)],
  ['C', tableOf(UTP)],
  // Over the counter, reported by the rules of UTP.
  ['O', tableOf(UTP)]
])

/**
 * Finnhub's code of a sale condition; `alpaca:<letter>` for one that is in no table, so that the
 * domain counts it as an unknown code.
 * @param tape A, B (CTA), C or O (UTP)
 */
export function conditionCode(letter: string, tape: unknown): string {
  // Tapes A and B write a regular sale as a blank.
  if (letter === '@' || letter === ' ') return '1'
  return TABLES.get(tape)?.get(letter) ?? `alpaca:${letter}`
}

function tableOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    [...text.matchAll(/(\S)=(\d+)/g)].map(([, letter = '', code = '']) => [letter, code])
  )
}
