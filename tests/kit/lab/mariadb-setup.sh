# MariaDB with small settings. The hosts write to memory and are thrown away: durability would only cost time.
cat >/etc/mysql/mariadb.conf.d/99-lab.cnf <<'CONF'
[mariadbd]
bind-address = 0.0.0.0
log_error = /var/log/mysql/error.log
innodb_buffer_pool_size = 48M
innodb_log_file_size = 16M
innodb_flush_log_at_trx_commit = 2
innodb_doublewrite = 0
innodb_buffer_pool_dump_at_shutdown = 0
innodb_buffer_pool_load_at_startup = 0
key_buffer_size = 1M
aria_pagecache_buffer_size = 8M
CONF
# Made anew with them: a host copies these files up when its server starts.
rm -rf /var/lib/mysql
install -d -o mysql -g mysql -m 755 /var/lib/mysql
install -d -o mysql -g adm -m 2750 /var/log/mysql
mariadb-install-db --user=mysql --datadir=/var/lib/mysql --skip-test-db --auth-root-authentication-method=socket >/dev/null
rm -f /var/log/mysql/*
test -d /var/lib/mysql/mysql
