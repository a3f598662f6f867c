"""Real servers on this machine for the cluster engine: a PostgreSQL and a Ceph under one folder, from the distribution's packages."""
