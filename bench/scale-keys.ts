/**
 * The keys of `bench/scale.ts`, by number and in the order in which they are listed: ten prefixes, a hundred in each of
 * them, and as many keys in each of those as there are thousands in all.
 */

const names = [
  'a',
  'backup',
  'data',
  'home/images',
  'logs',
  'mail',
  'music',
  'photos',
  'tmp',
  'x-y'
]

export const rootPrefixCount = names.length
/** Of one root prefix, in the directory that has them. */
export const largePrefix = 'data/'
export const innerPrefixCount = 100

export function keyOf(n: number, count: number): string {
  const perName = count / rootPrefixCount
  const perFolder = perName / innerPrefixCount
  const within = n % perName
  const folder = String(Math.floor(within / perFolder)).padStart(3, '0')
  const name = names[Math.floor(n / perName)] ?? ''

  return `${name}/folder-${folder}/object-${String(n).padStart(8, '0')}.bin`
}
