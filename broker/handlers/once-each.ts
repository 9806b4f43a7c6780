/**
 * What a request names again and again is worked out once: its answer repeats the same object, so that memory follows what there
 * is and not how often it was asked for.
 */
export function onceEach<K, V>(workOut: (key: K) => V): (key: K) => V {
  const known = new Map<K, V>();
  return (key) => {
    let value = known.get(key);
    if (value === undefined) {
      value = workOut(key);
      known.set(key, value);
    }
    return value;
  };
}
