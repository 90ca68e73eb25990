/** Bytes looked at four at a time, as the numbers an Int32Array over them shows: a fourth of the looks at a text. Pure. */

/** True where one of the four bytes is a control character: below space, or delete. */
export function holdsControl(four: number): boolean {
  const isLow = (four - 0x20202020) & ~four;
  const isDelete = ((four & 0x7f7f7f7f) + 0x01010101) & ~four;
  return ((isLow | isDelete) & 0x80808080) !== 0;
}

const TOP_BITS = 0x80808080 | 0;

/** Of bytes of ASCII: true where each is printable, white space or a line end (tab to carriage return). */
export function areShown(four: number): boolean {
  // Below 128, so that no sum carries into the next byte; its top bit tells that a byte is at least so much.
  const isAboveControls = four + 0x60606060;
  const isDelete = four + 0x01010101;
  if ((isAboveControls & ~isDelete & TOP_BITS) === TOP_BITS) return true;
  const isFromTab = four + 0x77777777;
  const isBehindReturn = four + 0x72727272;
  return (isFromTab & (isAboveControls | ~isBehindReturn) & ~isDelete & TOP_BITS) === TOP_BITS;
}
