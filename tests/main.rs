mod journal; // the promises of the record step, on real files and on disks that fail
