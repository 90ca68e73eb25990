/**
 * How many notices one person gets within an hour, so that a burst of flagged mail does not flood anybody. Promises: asked again for
 * the same message it says the same; a restart gives nobody more, because what was sent before it in that hour counts.
 */
const HOUR_MS = 3_600_000;
/** Whoever would come beyond is told nothing more this hour. */
const PEOPLE_MAX = 20_000;
/** Of all people together. */
const NOTICES_MAX = 200_000;

/** How many notices like this somebody got since then, as the queue knows. */
export type SentBefore = (since: number) => Promise<number>;

/** `last`: it is due, and the next one this hour is not. */
export type Due = "no" | "yes" | "last";

export type NoticeRequest = { readonly message: string; readonly now: number; readonly max: number };

type Person = { readonly before: Promise<number>; readonly messages: Set<string> };

export class NoticeBudget {
  readonly #startedAt: number;
  readonly #people = new Map<string, Person>();
  #hour = 0;
  #notices = 0;

  /** `startedAt`: of the process. */
  constructor(startedAt: number) {
    this.#startedAt = startedAt;
  }

  /** Rejects where `sentBefore` does. */
  async take(whom: string, { message, now, max }: NoticeRequest, sentBefore: SentBefore): Promise<Due> {
    const person = this.#personOf(whom, now, sentBefore);
    if (person === null) return "no";
    const before = await person.before;
    if (!person.messages.has(message)) {
      if (before + person.messages.size >= max || this.#notices >= NOTICES_MAX) return "no";
      person.messages.add(message);
      this.#notices += 1;
    }
    return before + person.messages.size >= max ? "last" : "yes";
  }

  #personOf(whom: string, now: number, sentBefore: SentBefore): Person | null {
    const hour = Math.floor(now / HOUR_MS);
    if (hour !== this.#hour) {
      this.#hour = hour;
      this.#notices = 0;
      this.#people.clear();
    }
    const known = this.#people.get(whom);
    if (known !== undefined) return known;
    if (this.#people.size >= PEOPLE_MAX) return null;
    const isFirstHour = this.#startedAt >= hour * HOUR_MS;
    const before = isFirstHour ? sentBefore(hour * HOUR_MS) : Promise.resolve(0);
    before.catch(() => this.#people.delete(whom));
    const person = { before, messages: new Set<string>() };
    this.#people.set(whom, person);
    return person;
  }
}
