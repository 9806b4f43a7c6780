/**
 * Names and ids as a request lists them, told apart by whether they came once or more often: most APIs refuse what is named twice.
 */
export class Occurrences {
  private readonly counts = new Map<string, number>();

  add(text: string): void {
    this.counts.set(text, (this.counts.get(text) ?? 0) + 1);
  }

  isOnce(text: string): boolean {
    return this.counts.get(text) === 1;
  }

  once(): string[] {
    return [...this.counts].filter(([, count]) => count === 1).map(([text]) => text);
  }

  several(): string[] {
    return [...this.counts].filter(([, count]) => count > 1).map(([text]) => text);
  }
}
