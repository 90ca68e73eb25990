/** Bytes looked at four at a time, as the numbers an Int32Array over them shows: a fourth of the looks at a text. Pure. */

/** True where one of the four bytes is a control character: below space, or delete. */
export function holdsControl(four: number): boolean {
  const isLow = (four - 0x20202020) & ~four;
  const isDelete = ((four & 0x7f7f7f7f) + 0x01010101) & ~four;
  return ((isLow | isDelete) & 0x80808080) !== 0;
}
