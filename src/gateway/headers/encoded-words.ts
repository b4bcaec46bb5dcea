/**
 * RFC 2047 encoded words: how text that is not ASCII travels in a header, as R2 reads and writes it.
 */

const word = /=\?([\w-]+)\?([bq])\?([^?\s]*)\?=/gi
const blanksBetween = new RegExp(`(${word.source})\\s+(?=${word.source})`, 'gi')

/** Words that are not decodable stay as they are. Blanks between two words are not part of the text. */
export function decodeWords(text: string): string {
  if (!text.includes('=?')) return text

  return text
    .replaceAll(blanksBetween, '$1')
    .replaceAll(word, (whole, charset: string, encoding: string, content: string) => {
      const bytes = encoding.toLowerCase() === 'b' ? Buffer.from(content, 'base64') : fromQ(content)
      const name = charset.toLowerCase()
      if (name === 'utf-8' || name === 'us-ascii') return bytes.toString('utf8')
      return name === 'iso-8859-1' ? bytes.toString('latin1') : whole
    })
}

/** ASCII as it is, anything else as one word, and so is what would be taken for a word. */
export function encodeWord(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text) && decodeWords(text) === text) return text

  return `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`
}

function fromQ(content: string): Buffer {
  const text = content
    .replaceAll('_', ' ')
    .replaceAll(/=([0-9a-f]{2})/gi, (_, digits: string) =>
      String.fromCharCode(parseInt(digits, 16))
    )

  return Buffer.from(text, 'latin1')
}
