/** When a document is its picture: values that readers of several formats go by. */

/** Fewer characters than this beside a picture are its title, and the picture is what the document says. */
export const DOCUMENT_CHARS_MIN = 40;
/** Smaller pictures show lines and bullets. */
export const PICTURE_BYTES_MIN = 1_024;
