/** What an operator may set for inspection; the defaults stand in config/postern.yaml. Types only. */
export type InspectOptions = {
  /** Words anywhere in the subject by which a sender asks for protection, such as `[secure]`; case does not matter. */
  readonly subjectTags: readonly string[];
  /** Values of the Sensitivity header that ask for protection; case does not matter. */
  readonly sensitivityValues: readonly string[];
  /** Pictures shown inside the text (signature logos) below this size are not `uninspectable`. */
  readonly inlineImageBytesMax: number;
  /** Encoded bytes read of one part. */
  readonly partBytesMax: number;
  /** Characters of text read of one message. */
  readonly textCharsMax: number;
  /** Time for one message. */
  readonly timeMsMax: number;
  /** Findings told of one message; more change no verdict. */
  readonly findingsMax: number;
};

export const DEFAULT_INSPECT_OPTIONS: InspectOptions = {
  subjectTags: ["[secure]"],
  sensitivityValues: ["private", "company-confidential", "personal"],
  inlineImageBytesMax: 32_768,
  partBytesMax: 16 * 1024 * 1024,
  textCharsMax: 8 * 1024 * 1024,
  timeMsMax: 5_000,
  findingsMax: 100,
};
