/** One entry of the error catalogue; docs/errors.md explains each and test/tidy.test.ts keeps both in step. */
export type CodeEntry = {
  /** What happened, one line, no content. */
  readonly what: string;
  /** What the operator does next. */
  readonly next: string;
};
