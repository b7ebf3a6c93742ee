# Oracle's MySQL with small settings. The hosts write to memory and are thrown away: durability would only cost time.
# Behind Debian's own mysqld.cnf, which lets only the machine itself connect.
cat >/etc/mysql/mysql.conf.d/zz-lab.cnf <<'CONF'
[mysqld]
bind-address = 0.0.0.0
mysqlx = OFF
log_error = /var/log/mysql/error.log
innodb_buffer_pool_size = 48M
innodb_redo_log_capacity = 16M
innodb_flush_log_at_trx_commit = 2
innodb_doublewrite = 0
innodb_buffer_pool_dump_at_shutdown = 0
innodb_buffer_pool_load_at_startup = 0
skip_log_bin
CONF
# Made anew with them, and with root let in through the socket, as Debian's package does it.
rm -rf /var/lib/mysql
install -d -o mysql -g mysql -m 700 /var/lib/mysql
install -d -o mysql -g adm -m 2750 /var/log/mysql
echo "INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'; ALTER USER 'root'@'localhost' IDENTIFIED WITH auth_socket;" >/tmp/root.sql
mysqld --initialize-insecure --user=mysql --init-file=/tmp/root.sql
rm -f /tmp/root.sql /var/log/mysql/*
test -d /var/lib/mysql/mysql
# What systemd does on real machines: Debian's package has no script of its own any more, and a host has no systemd.
cat >/etc/init.d/mysql <<'SCRIPT'
#!/bin/sh
case $1 in
  stop | restart) mysqladmin --no-defaults --protocol=socket --socket=/run/mysqld/mysqld.sock --user=root shutdown || [ "$1" = restart ] || exit 1 ;;
esac
case $1 in
  start | restart)
    while pgrep -x mysqld >/dev/null; do sleep 0.1; done
    install -d -o mysql -g mysql -m 755 /run/mysqld
    setsid -f mysqld --user=mysql
    ;;
esac
SCRIPT
chmod 755 /etc/init.d/mysql
