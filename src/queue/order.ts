// The order of waiting jobs: turns among owners, short before long within an owner's turn, and slots that long jobs leave free.
// A plain structure: knows no engine, no log and no time.

/** A job as its order sees it. */
export interface Waiting {
  readonly id: string;
  readonly owner: string;
  readonly model: string;
  /** How much work it is; see `weightOf`. */
  readonly weight: number;
  /** It lost an engine before: it runs next and alone in its model, so that another loss is its own and nobody else's. */
  readonly suspect: boolean;
}

export interface Slots {
  /** Jobs that run at once in one engine. */
  readonly all: number;
  /** How many of them long jobs may take. */
  readonly long: number;
  /** Weight from which a job is long. */
  readonly longWeight: number;
}

/** Short jobs that may start before a long one that came earlier, of the same owner. */
const MOST_OVERTAKEN = 8;

interface Place {
  readonly job: Waiting;
  readonly came: number;
  overtaken: number;
}

export class Order {
  readonly #slots: Slots;
  readonly #places = new Map<string, Place>();
  /** By owner: the turn in which one of its jobs started last. */
  readonly #served = new Map<string, number>();
  #turn = 0;
  #came = 0;
  #positions: ReadonlyMap<string, number> | null = null;

  constructor(slots: Slots) {
    this.#slots = slots;
  }

  get size(): number {
    return this.#places.size;
  }

  add(job: Waiting): void {
    this.#places.set(job.id, { job, came: this.#came, overtaken: 0 });
    this.#came += 1;
    this.#positions = null;
  }

  /** False where it does not wait. */
  remove(id: string): boolean {
    this.#positions = null;
    return this.#places.delete(id);
  }

  /** Takes out the job that starts next beside those that run, or null while none may. */
  next(running: readonly Waiting[]): Waiting | null {
    const active = new Map<string, number>();
    for (const { owner } of running) active.set(owner, (active.get(owner) ?? 0) + 1);
    const place = this.#best([...this.#places.values()].filter(({ job }) => this.#fits(job, running)), this.#served, active);
    if (place === null) return null;
    this.#turn += 1;
    this.#served.set(place.job.owner, this.#turn);
    for (const other of this.#places.values()) if (other.job.owner === place.job.owner && other.came < place.came) other.overtaken += 1;
    this.remove(place.job.id);
    return place.job;
  }

  /** Whether a job would start at once if it came now. */
  isFree(job: Waiting, running: readonly Waiting[]): boolean {
    return this.#places.size === 0 && this.#fits(job, running);
  }

  /** The position that a job would have if it came now. */
  foreseen(job: Waiting): number {
    this.add(job);
    const position = this.position(job.id) ?? 0;
    this.remove(job.id);
    return position;
  }

  /** Jobs that start before it, or null where it does not wait. */
  position(id: string): number | null {
    this.#positions ??= this.#foresee();
    return this.#positions.get(id) ?? null;
  }

  /** The place in the order if every job had a slot, one after the other. */
  #foresee(): ReadonlyMap<string, number> {
    const positions = new Map<string, number>();
    const left = new Map(this.#places);
    const served = new Map(this.#served);
    for (let turn = this.#turn + 1; left.size > 0; turn += 1) {
      const place = this.#best([...left.values()], served, new Map());
      if (place === null) break;
      positions.set(place.job.id, positions.size);
      served.set(place.job.owner, turn);
      left.delete(place.job.id);
    }
    return positions;
  }

  #fits(job: Waiting, running: readonly Waiting[]): boolean {
    const beside = running.filter(({ model }) => model === job.model);
    if (beside.length >= this.#slots.all) return false;
    if (job.suspect ? beside.length > 0 : beside.some(({ suspect }) => suspect)) return false;
    return !this.#isLong(job) || beside.filter((other) => this.#isLong(other)).length < this.#slots.long;
  }

  /** Suspects first; the owner with the fewest jobs under way, of these the one served longest ago; its short jobs first, unless a long one was overtaken too often. */
  #best(places: readonly Place[], served: ReadonlyMap<string, number>, active: ReadonlyMap<string, number>): Place | null {
    const rank = ({ job, came, overtaken }: Place): readonly number[] => [
      job.suspect ? 0 : 1,
      active.get(job.owner) ?? 0,
      served.get(job.owner) ?? 0,
      this.#isLong(job) && overtaken < MOST_OVERTAKEN ? 1 : 0,
      came,
    ];
    let best: { readonly place: Place; readonly rank: readonly number[] } | null = null;
    for (const place of places) {
      const own = rank(place);
      if (best === null || isLess(own, best.rank)) best = { place, rank: own };
    }
    return best?.place ?? null;
  }

  #isLong(job: Waiting): boolean {
    return job.weight >= this.#slots.longWeight;
  }
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const index = a.findIndex((value, at) => value !== b[at]);
  return index >= 0 && (a[index] ?? 0) < (b[index] ?? 0);
}
