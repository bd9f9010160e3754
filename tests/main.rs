mod identify; // who is asking: hostile tokens, key sets that rotate, hang and lie
