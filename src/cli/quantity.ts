/**
 * Numbers as people read them.
 */

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `1536` is `1.5 KiB`. */
export function formatSize(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }

  const digits = unit === 0 || value >= 100 ? 0 : 1
  return `${value.toFixed(digits)} ${units[unit] ?? ''}`
}

/** `90` is `1m30s`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole}s`
  if (whole < 3600) return `${Math.floor(whole / 60)}m${whole % 60}s`

  return `${Math.floor(whole / 3600)}h${Math.floor((whole % 3600) / 60)}m`
}

/** Bytes: `64MiB`, `1.5 GiB`, `1000`. Undefined for what is no size. */
export function parseSize(text: string): number | undefined {
  const [, digits = '', unit = 'B'] = /^(\d+(?:\.\d+)?) ?([KMGTP]iB|B)?$/.exec(text) ?? []
  const power = units.findIndex(each => each === unit)
  return digits === '' ? undefined : Math.floor(Number(digits) * 1024 ** power)
}
