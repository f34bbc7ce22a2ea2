# A pattern of visitors that covers accounts opens none of them: a name that has an account needs the account's password.
setting sess-man/desk/visitors[s]=*@localhost
setting sess-man/desk/seats[s]=alice@seats.localhost
account alice@localhost secret
transports tcp websocket bosh
refused x $transport alice@localhost anything not-authorized
refused y $transport desk@localhost anything not-authorized
connect a $transport alice@localhost secret
connect b $transport bob@localhost anything
connect c $transport bob@localhost something-else
